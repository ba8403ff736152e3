import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

export const COMPOSE_FILE = fileURLToPath(new URL('../../../infra/compose.yaml', import.meta.url))

const serviceSchema = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).default([]),
  entrypoint: z.array(z.string()).optional(),
  /** Nothing given: of the environment that compose itself is started in. */
  environment: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).default({}),
  profiles: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  mem_limit: z.string().optional(),
  healthcheck: z
    .looseObject({ test: z.array(z.string()).optional(), disable: z.boolean().optional() })
    .optional(),
  deploy: z.looseObject({ replicas: z.int().optional() }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
})

export type Service = Readonly<z.output<typeof serviceSchema>>

/** What infra/compose.yaml says, merges resolved. Its schema is checked by infra/lint/check-compose.sh. */
export function readCompose(): Readonly<Record<string, Service>> {
  const file = parse(readFileSync(COMPOSE_FILE, 'utf8'), { merge: true }) as { services: unknown }
  return z.record(z.string(), serviceSchema).parse(file.services)
}

/** Whether it runs the stanflow command line. */
export function isStanflow({ image, entrypoint }: Service): boolean {
  return /^stanflow:(cpu|cuda)$/.test(image) && entrypoint === undefined
}

/** What the service's process finds in its environment, of what the file says. */
export function environmentOf({ environment }: Service): Record<string, string> {
  const given = Object.entries(environment).filter(([, value]) => value !== null)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}

/** Files and folders of the repository that the service mounts: where they lie, and where it sees them. */
export function mountsOf({ volumes }: Service): readonly { readonly from: string; readonly to: string }[] {
  return volumes.flatMap((volume) => {
    const [from = '', to = ''] = volume.split(':')
    return from.startsWith('.') ? [{ from: resolve(dirname(COMPOSE_FILE), from), to }] : []
  })
}
