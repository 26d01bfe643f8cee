/** Where things are: names from the whole to the part, `warehouse/eu/dock-3`. */
const LOCATION = /^[A-Za-z0-9._~:@-]+(?:\/[A-Za-z0-9._~:@-]+)*$/;

/**
 * 1 to 256 characters: segments of `A-Z a-z 0-9 . _ ~ : @ -` between slashes, none of them empty, `.` or holding `..`.
 */
export function isLocation(value: string): boolean {
  return value.length <= 256 && LOCATION.test(value) && !value.includes('..') && !value.split('/').includes('.');
}
