/** What the list remembers while other views are open. */

export const memory = {
  /** The address of the list when it was last seen, and where it was scrolled to. */
  address: "",
  top: 0,
  /** The key of the run that the keyboard is at. */
  active: null as string | null,
  /** Keys of the runs chosen for a comparison, in the order of their choice. */
  chosen: [] as string[],
};
