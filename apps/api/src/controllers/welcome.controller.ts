import { Controller, Get, Header } from '@nestjs/common';

/** For a person who opens the address in a browser. */
@Controller()
export class WelcomeController {
  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  welcome(): string {
    return 'Perdure is running. Events go to POST /e/{event key}; GET /v1/events lists them, GET /v1/runs/{id} shows a run.\n';
  }
}
