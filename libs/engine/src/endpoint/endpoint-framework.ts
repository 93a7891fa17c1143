/** By this apps are known that nobody can be asked to register: their functions come with their runs. */
export const ENDPOINT_FRAMEWORK = 'durable-endpoint';
