import { z } from 'zod'
import { problemSchema } from '../schemas.js'

/** A schema as Fastify checks requests, writes answers and describes both by. */
export function json(schema: z.ZodType, io: 'input' | 'output' = 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io })
  return rest
}

export interface Described {
  readonly summary: string
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly answer?: z.ZodType
  /** Of an answer that is no JSON. */
  readonly media?: string
}

/** What a route takes and gives. */
export function described({ summary, query, body, answer, media }: Described) {
  const good =
    answer !== undefined
      ? json(answer)
      : { description: summary, content: { [media ?? 'application/octet-stream']: { schema: {} } } }
  return {
    summary,
    ...(query !== undefined && { querystring: json(query, 'input') }),
    ...(body !== undefined && { body: json(body, 'input') }),
    response: { 200: good, '4xx': json(problemSchema), '5xx': json(problemSchema) },
  }
}
