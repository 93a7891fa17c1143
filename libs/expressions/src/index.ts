export { anchorsOf, hashAt, type Anchor, type Anchors } from './anchors.ts';
export { compileExpression, type CompiledExpression, type Expression } from './compile-expression.ts';
export {
  evaluateBoolean,
  evaluateKey,
  evaluateNumber,
  type BooleanResult,
  type EvaluationOptions,
  type KeyResult,
  type NumberResult,
  type Variables,
} from './evaluate-expression.ts';
export { compileResidual, interpolate, type Interpolated, type Residual } from './interpolate.ts';
export { COST_MAX, EXPRESSION_BYTES_MAX, EXPRESSION_NODES_MAX } from './meter.ts';
