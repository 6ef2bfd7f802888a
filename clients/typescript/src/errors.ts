/** Errors of the service, one class for each way in which a caller acts on them;
 * `reason` is the server's own word for it, such as `SEQUENCE_MISMATCH`. */

import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

/** A field of the request that the server refused. */
export interface FieldViolation {
  field: string;
  description: string;
}

/** What a status and its details say. */
export interface Failure {
  /** The status code of gRPC, in UPPER_SNAKE. */
  code: string;
  message: string;
  reason?: string;
  metadata?: Record<string, string>;
  fieldViolations?: FieldViolation[];
  retryDelayMs?: number | undefined;
}

/** Any error of a call. */
export class ThroughlineError extends Error {
  /** The status code of gRPC, in UPPER_SNAKE. */
  readonly code: string;
  /** In UPPER_SNAKE; empty if the error arose on the way. */
  readonly reason: string;
  /** What the reason is about, such as `limit` and `max`. */
  readonly metadata: Record<string, string>;
  /** The refused fields. */
  readonly fieldViolations: FieldViolation[];
  /** Milliseconds after which the server suggests a repeat. */
  readonly retryDelayMs: number | undefined;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.name = new.target.name;
    this.code = failure.code;
    this.reason = failure.reason ?? "";
    this.metadata = failure.metadata ?? {};
    this.fieldViolations = failure.fieldViolations ?? [];
    this.retryDelayMs = failure.retryDelayMs;
  }
}

/** The request is wrong: `fieldViolations` says where. */
export class InvalidArgumentError extends ThroughlineError {}
/** It does not exist, or it is another tenant's. */
export class NotFoundError extends ThroughlineError {}
/** The id is taken, by other content. */
export class AlreadyExistsError extends ThroughlineError {}
/** Another writer was first: read and try again. */
export class ConflictError extends ThroughlineError {}
/** The required pins do not fit the budget: `metadata` has `needed` and `given`. */
export class BudgetTooSmallError extends ThroughlineError {}
/** The server does not do this as it is configured. */
export class PreconditionError extends ThroughlineError {}
/** The API key is missing or unknown. */
export class AuthenticationError extends ThroughlineError {}
/** The API key lacks the scope. */
export class PermissionDeniedError extends ThroughlineError {}
/** A limit is reached or the server is overloaded. */
export class ResourceExhaustedError extends ThroughlineError {}
/** The server cannot be reached, starts, or shuts down. */
export class UnavailableError extends ThroughlineError {}
/** The deadline passed. A write may have been made: repeat it under the same id. */
export class DeadlineExceededError extends ThroughlineError {}
/** The server failed; its log says more. */
export class ServerError extends ThroughlineError {}

const CLASSES: Record<string, typeof ThroughlineError> = {
  INVALID_ARGUMENT: InvalidArgumentError,
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: AlreadyExistsError,
  ABORTED: ConflictError,
  FAILED_PRECONDITION: PreconditionError,
  UNAUTHENTICATED: AuthenticationError,
  PERMISSION_DENIED: PermissionDeniedError,
  RESOURCE_EXHAUSTED: ResourceExhaustedError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  DATA_LOSS: ServerError,
  INTERNAL: ServerError,
  UNKNOWN: ServerError,
};

/** The error class that a caller acts on. */
export function ofFailure(failure: Failure, options?: ErrorOptions): ThroughlineError {
  const known = CLASSES[failure.code] ?? ThroughlineError;
  const kind = failure.reason === "BUDGET_TOO_SMALL" ? BudgetTooSmallError : known;
  return new kind(failure, options);
}

/** The typed form of what a call threw. */
export function fromThrown(thrown: unknown): ThroughlineError {
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const refused = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations);
  const failure: Failure = {
    code: info ? codeName(error.code) : unexplainedCode(error),
    message: error.rawMessage,
    reason: info?.reason ?? "",
    metadata: info?.metadata ?? {},
    fieldViolations: refused.map(({ field, description }) => ({ field, description })),
    retryDelayMs: retry && Number(retry.seconds) * 1_000 + retry.nanos / 1e6,
  };
  return ofFailure(failure, { cause: thrown });
}

/** The server explains every error of its own; a connection that broke has other
 * codes in Node's HTTP/2 than elsewhere. */
function unexplainedCode(error: ConnectError): string {
  const broken = [Code.Aborted, Code.Internal, Code.Unknown, Code.Canceled].includes(error.code);
  return broken ? "UNAVAILABLE" : codeName(error.code);
}

function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<!^)(?=[A-Z])/g, "_").toUpperCase();
}
