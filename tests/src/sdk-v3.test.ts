import { describeSdk } from './sdk.contract.ts';

describeSdk('v3');
