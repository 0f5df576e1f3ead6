"""What silx shows of nodes of a file, without a screen: ``silx_view.py FILE FOLDER PATH...``.

Prints JSON: for each path the title and labels of the plot. FOLDER gets pictures of ``silx view``; ``-``: none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from silx.app.view.Viewer import Viewer
from silx.gui import qt
from silx.gui.hdf5 import Hdf5TreeView
from silx.gui.plot import PlotWidget

_SETTLED_MS = 1500


def wait(milliseconds: int) -> None:
    """Lets Qt work."""
    loop = qt.QEventLoop()
    qt.QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def select(tree: Hdf5TreeView, parts: list[str]) -> None:
    """Selects a node by the names that lead to it, opening each on the way."""
    model = tree.model()
    index = model.index(0, 0, qt.QModelIndex())
    for part in parts:
        tree.expand(index)
        wait(200)
        rows = [model.index(row, 0, index) for row in range(model.rowCount(index))]
        index = next(row for row in rows if model.data(row) == part)
    tree.setCurrentIndex(index)
    tree.scrollTo(index)
    tree.setColumnWidth(0, 420)


def main(file: str, folder: str, paths: list[str]) -> dict[str, dict[str, str]]:
    """Shows the nodes, one after another."""
    application = qt.QApplication([])
    viewer = Viewer()
    viewer.resize(1400, 800)
    viewer.show()
    viewer.appendFile(file)
    wait(2 * _SETTLED_MS)
    tree = viewer.findChild(Hdf5TreeView)
    found = {}
    for number, path in enumerate(paths):
        select(tree, [part for part in path.split("/") if part])
        viewer.displaySelectedData()
        wait(_SETTLED_MS)
        plots = [plot for plot in viewer.findChildren(PlotWidget) if plot.isVisible()]
        found[path] = {
            "title": plots[0].getGraphTitle() if plots else "",
            "x": plots[0].getXAxis().getLabel() if plots else "",
            "y": plots[0].getYAxis().getLabel() if plots else "",
        }
        name = f"silx-{number:02d}{path.replace('/', '-')}"[:120]
        if folder != "-":
            viewer.grab().save(str(Path(folder, f"{name}.png")))
    viewer.close()
    application.quit()
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3:])), flush=True)
    os._exit(0)  # Qt and OpenGL without a screen abort when they are taken down
