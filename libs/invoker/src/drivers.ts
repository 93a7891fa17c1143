export { openHttpInvoker, type HttpInvokerOptions } from './drivers/http/http-invoker.ts';
