import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { StanflowError } from '../errors.js'

const tracer = () => trace.getTracer('stanflow')

/** W3C trace context, as headers carry it. */
export interface TraceContext {
  readonly traceparent?: string
  readonly tracestate?: string
}

/** A span, and the context that what it leads to carries on. */
export interface Traced {
  readonly carried: TraceContext
  end(error?: StanflowError): void
}

/**
 * Begins a span under what came with a record. Where nothing collects traces it costs nothing, and the context passes
 * through as it came.
 */
export function beginSpan(
  name: string,
  kind: 'producer' | 'consumer',
  attributes: Readonly<Record<string, string | number>>,
  from: TraceContext = {},
): Traced {
  const parent = propagation.extract(context.active(), { ...from })
  const spanKind = kind === 'producer' ? SpanKind.PRODUCER : SpanKind.CONSUMER
  const span = tracer().startSpan(name, { kind: spanKind, attributes }, parent)
  const carrier: Record<string, string> = {}
  propagation.inject(trace.setSpan(parent, span), carrier)
  return { carried: carrier.traceparent === undefined ? from : carrier, end: (error) => end(span, error) }
}

function end(span: Span, error: StanflowError | undefined): void {
  if (error !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: `${error.code}: ${error.message}` })
  }
  span.end()
}

/**
 * Sends spans to a collector where OTEL_EXPORTER_OTLP_ENDPOINT names one; answers with what flushes them.
 * The SDK is loaded only then.
 */
export async function startTracing(): Promise<() => Promise<void>> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = process.env
  if ((OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? OTEL_EXPORTER_OTLP_ENDPOINT) === undefined)
    return async () => undefined
  const [{ NodeTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ])
  process.env.OTEL_SERVICE_NAME ??= 'stanflow'
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  provider.register()
  return () => provider.shutdown()
}
