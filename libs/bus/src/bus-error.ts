import { PerdureError } from '@perdure/domain';

/** `BUS_SERVERS_INVALID`: the bus cannot be opened as configured. Nothing else is an error: hints are best effort. */
export class BusError extends PerdureError {
  declare readonly code: 'BUS_SERVERS_INVALID';
}
