import { extend } from './extend.ts';

/** Every operation by name: what a driver can be asked to run. */
export const operations = {
  extend,
};
