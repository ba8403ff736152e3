import type { Headers } from './client.js'

export interface Envelope {
  /** Unique among the records of this type. */
  readonly id: string
  /** What made it: a command and its group, as a URI reference. */
  readonly source: string
  /** `stanflow.embedding.v1` */
  readonly type: string
  readonly contentType: string
  readonly time: Date
  /** W3C trace context of what led to it. */
  readonly traceparent?: string
  readonly tracestate?: string
}

/** CloudEvents 1.0 in binary mode, as its Kafka binding has it; trace context as its own headers. */
export function headersOf({
  id,
  source,
  type,
  contentType,
  time,
  traceparent,
  tracestate,
}: Envelope): Headers {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: time.toISOString(),
    'content-type': contentType,
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  }
}

/** Trace context that came with a record. */
export function traceOf({ traceparent, tracestate }: Headers): Pick<Envelope, 'traceparent' | 'tracestate'> {
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  }
}
