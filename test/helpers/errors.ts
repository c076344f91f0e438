/** What the operation throws; fails the test where it does not. */
export function errorOf(operation: () => unknown): unknown {
  try {
    operation();
  } catch (error) {
    return error;
  }
  throw new Error('It did not throw.');
}
