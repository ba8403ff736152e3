import type { Headers, OutgoingRecord } from '../../../../src/connect/kafka/client.js'

const as = (headers: Readonly<Record<string, unknown>>): Headers => headers as Headers

/** What comes with a value, as no producer of stanflow's would send it. */
export const ENVELOPES: Readonly<Record<string, (record: OutgoingRecord) => OutgoingRecord>> = {
  traceparent: (record) => ({
    ...record,
    headers: { ...record.headers, traceparent: '00-zz-%s-\u0000\r\n' },
  }),
  'long traceparent': (record) => ({
    ...record,
    headers: { ...record.headers, traceparent: 'x'.repeat(1_200_000) },
  }),
  'long tracestate': (record) => ({
    ...record,
    headers: {
      ...record.headers,
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      tracestate: 'a=b,'.repeat(300_000),
    },
  }),
  'headers twice': (record) => ({
    ...record,
    headers: as({ ...record.headers, traceparent: ['a', 'b'], ce_id: [] }),
  }),
  'many headers': (record) => ({
    ...record,
    headers: {
      ...record.headers,
      ...Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`h${n}`, 'x'])),
    },
  }),
  prototypes: (record) => ({
    ...record,
    headers: as({ ...record.headers, ['__proto__']: 'x', constructor: 'x', toString: 'x', '': 'x' }),
  }),
  'a dead letter': (record) => ({
    ...record,
    headers: { ...record.headers, stanflow_topic: 'x', stanflow_attempts: '-1e999', stanflow_error_code: '' },
  }),
  'bytes in headers': (record) => ({
    ...record,
    headers: as({ ...record.headers, tracestate: Buffer.from([255, 254, 0, 128]) }),
  }),
  'no key': (record) => ({ ...record, key: null }),
  'long key': (record) => ({ ...record, key: Buffer.alloc(1_200_000, 255) }),
  'no value': (record) => ({ ...record, value: null }),
  'empty value': (record) => ({ ...record, value: Buffer.alloc(0) }),
  'a byte': (record) => ({ ...record, value: Buffer.from([0]) }),
  junk: (record) => ({ ...record, value: Buffer.alloc(1_000_000, 0xa5) }),
  deep: (record) => ({ ...record, value: Buffer.from(`{"frames":${'['.repeat(900_000)}`) }),
}
