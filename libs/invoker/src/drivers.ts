export { openHttpInvoker, type HttpInvokerOptions } from './drivers/http/http-invoker.ts';
export { openHttpEgress } from './drivers/http-egress/http-egress.ts';
