/** The one function of the package `ndarray-ops` that H5Web imports; see plain_ndarray.ts for why it is not that package's. */
export { copyElements as assign } from "./plain_ndarray";
