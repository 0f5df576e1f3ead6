/** What the chart says about the bin that is pointed at. */
import type { ReactNode } from "react";
import type { Bins } from "../data/tiles";
import { useTheme } from "../frame/theme";
import { short } from "../words/numbers";
import { amplitudeText, binBits, binRange, binSize, peakBits, phaseText } from "./bin_words";
import { css, phaseColour } from "./phase_colour";

export function Swatch({ phase }: { phase: number }): ReactNode {
  const theme = useTheme();
  return <span className="swatch" aria-hidden="true" style={{ backgroundColor: css(phaseColour(phase, theme)) }} />;
}

export function BinTip({ bins, bin, phases, left, width }: { bins: Bins; bin: number; phases: boolean; left: number; width: number }): ReactNode {
  const sum = bins.sums[bin] as number;
  const peak = bins.peaks[bin] as number;
  const phase = bins.phases[bin] as number;
  const one = binSize(bins) === 1;
  return (
    <div className="tip" style={left > width / 2 ? { right: width - left + 14 } : { left: left + 14 }} data-testid="tip">
      <div className="numeric tip-bits">{binBits(bins, bin)}</div>
      <div className="faint">{one ? `basis state ${binRange(bins, bin)}` : `basis states ${binRange(bins, bin)}`}</div>
      {Number.isNaN(sum) ? (
        <div>not read yet</div>
      ) : (
        <>
          <div>
            probability <b>{short(sum)}</b>
          </div>
          {one
            ? phases && (
                <>
                  <div>amplitude {amplitudeText(bins, bin)}</div>
                  <div>
                    <Swatch phase={phase} /> phase {phaseText(phase)}
                  </div>
                </>
              )
            : peak > 0 && (
                <div>
                  greatest {short(peak)} at <span className="numeric tip-bits">{peakBits(bins, bin)}</span>
                  {phases && (
                    <>
                      <br />
                      <Swatch phase={phase} /> its phase {phaseText(phase)}
                    </>
                  )}
                </div>
              )}
        </>
      )}
    </div>
  );
}
