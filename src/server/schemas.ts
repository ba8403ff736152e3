import { z } from 'zod'

/** What the JSON API takes and gives: requests are checked against these, and /api/openapi.json is read off them. */

const name = z.string().min(1).max(4096)
const seconds = z.number()

export const labelSchema = z.object({
  label: z.string(),
  score: z.number().meta({ description: '0..1 over the label set.' }),
})

export const cameraSchema = z.object({
  source: z.string().meta({ description: 'camera:ID' }),
  state: z
    .enum(['up', 'quiet', 'down'])
    .meta({ description: 'quiet: not known to be down, but nothing has come for a while.' }),
  since: seconds.nullable().meta({ description: 'When it went up or down, as seconds since 1970.' }),
  lastSeen: seconds
    .nullable()
    .meta({ description: 'End of what was last seen of it, as seconds since 1970.' }),
  labels: z.array(labelSchema),
  code: z.string().nullable().meta({ description: 'Why it is down, as an error code.' }),
  detail: z.string().nullable(),
})

export const episodeSchema = z.object({
  id: z.string(),
  source: z.string(),
  kind: z.enum(['rule', 'camera-down', 'camera-gap', 'other']),
  open: z.boolean(),
  start: seconds,
  end: seconds.nullable(),
  rule: z.string().nullable(),
  label: z.string().nullable(),
  peak: z.number().nullable(),
  code: z.string().nullable(),
  detail: z.string().nullable(),
  picture: z.boolean().meta({ description: 'Whether /api/picture?episode= has one.' }),
  video: z.boolean().meta({ description: 'Whether /api/media?episode= plays.' }),
})

export const liveSchema = z.object({
  live: z.boolean().meta({ description: 'Whether a broker is read at all.' }),
  cameras: z.array(cameraSchema),
  episodes: z.array(episodeSchema).meta({ description: 'Open ones first, then the newest.' }),
})

export const sourceSchema = z.object({
  source: z.string(),
  kind: z.enum(['video', 'camera']),
  clips: z.int(),
  seconds,
  complete: z.boolean(),
  labels: z
    .array(z.object({ label: z.string(), share: z.number() }))
    .meta({ description: 'The labels that are best most often, with the share of clips.' }),
  playable: z.boolean(),
  why: z.string().nullable().meta({ description: 'Why it does not play here, where it does not.' }),
})

export const sourcesQuery = z.object({
  find: z.string().max(500).optional().meta({ description: 'Words in the name or in labels.' }),
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(500).default(100),
})
export const sourcesSchema = z.object({ total: z.int(), sources: z.array(sourceSchema) })

export const spanSchema = z.object({ start: seconds, end: seconds, score: z.number() })
export const timelineQuery = z.object({ source: name })
export const timelineSchema = z.object({
  source: sourceSchema,
  start: seconds,
  end: seconds,
  tracks: z.array(z.object({ label: z.string(), spans: z.array(spanSchema) })),
  episodes: z.array(episodeSchema),
})

export const footageSchema = z.object({
  episode: z
    .string()
    .nullable()
    .meta({ description: 'The episode that has it, for /api/media and /api/picture.' }),
  zero: seconds.nullable().meta({ description: "When the episode's video begins, as seconds since 1970." }),
  picture: z.boolean().meta({ description: 'Whether /api/picture?episode= has one.' }),
  playable: z.boolean(),
  why: z.string().nullable(),
})
export const footageQuery = z.object({ source: name, start: seconds, end: seconds })

export const momentSchema = z.object({
  source: z.string(),
  start: seconds,
  end: seconds,
  best: seconds.meta({ description: 'Time of the frame that shows it best.' }),
  score: z.number(),
  label: z.string().nullable(),
  playable: z.boolean(),
  why: z.string().nullable(),
  footage: footageSchema.nullable().meta({ description: "Of a camera: what its events' videos show of it." }),
})

export const searchQuery = z.object({
  q: z.string().max(500).optional().meta({ description: 'What the moment shows, in words.' }),
  not: z.string().max(500).optional().meta({ description: 'What it must not show.' }),
  likeSource: name.optional().meta({ description: 'More like the moment of this source at likeTime.' }),
  likeTime: seconds.optional(),
  source: name.optional().meta({ description: 'Only of this source.' }),
  from: seconds.optional().meta({ description: 'Only what begins after, in the time of the source.' }),
  to: seconds.optional(),
  top: z.int().min(1).max(100).default(20),
})
export const searchSchema = z.object({
  moments: z.array(momentSchema),
  tookMs: z.number(),
  model: z.string().nullable(),
  note: z.string().nullable(),
})

/** Of a stored video, or of what an episode brought along. */
const placeShape = { source: name.optional(), episode: z.string().min(1).max(500).optional() }
export const mediaQuery = z.object(placeShape)
export const pictureQuery = z.object({ ...placeShape, time: seconds.min(0).optional() })
export const previewQuery = z.object({ ...placeShape, start: seconds.min(0), end: seconds.min(0) })

export const letterSchema = z.object({
  id: z.string(),
  source: z.string(),
  from: z.string().meta({ description: 'The topic or run it failed in.' }),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  attempts: z.int(),
  failedAt: z.string(),
  state: z.enum(['waiting', 'sent']).meta({ description: 'sent: it was sent to its topic again.' }),
})
export const lettersSchema = z.object({
  letters: z.array(letterSchema),
  waiting: z.int(),
  retriable: z.int().meta({ description: 'How many POST /api/dead-letters/retry would send again.' }),
})
export const retriedSchema = z.object({ sent: z.int() })

export const healthSchema = z.object({
  version: z.string(),
  startedAt: z.string(),
  results: z
    .object({
      place: z.string(),
      videos: z.int(),
      clips: z.int(),
      failures: z.int(),
      writtenAt: z.string().nullable(),
      error: z.string().nullable(),
    })
    .nullable(),
  search: z.object({ ready: z.boolean(), what: z.string() }),
  kafka: z
    .object({
      connected: z.boolean(),
      error: z.string().nullable(),
      groups: z.array(
        z.object({ group: z.string(), topic: z.string(), lag: z.number(), members: z.int().nullable() }),
      ),
    })
    .nullable(),
  throughput: z.object({
    perMinute: z.number().meta({ description: 'Labelled clips in the last minute.' }),
    buckets: z.array(z.number()).meta({ description: 'Labelled clips per 10 s, oldest first.' }),
    bucketSeconds: z.number(),
  }),
  deadLetters: z.object({ waiting: z.int() }),
})

export const sessionBody = z.object({ token: z.string().min(1).max(500) })
export const sessionSchema = z.object({ signedIn: z.boolean(), needed: z.boolean() })
export const problemSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
})

export type Camera = Readonly<z.output<typeof cameraSchema>>
export type Episode = Readonly<z.output<typeof episodeSchema>>
export type Live = Readonly<z.output<typeof liveSchema>>
export type Source = Readonly<z.output<typeof sourceSchema>>
export type Sources = Readonly<z.output<typeof sourcesSchema>>
export type Timeline = Readonly<z.output<typeof timelineSchema>>
export type Footage = Readonly<z.output<typeof footageSchema>>
export type Moment = Readonly<z.output<typeof momentSchema>>
export type SearchAsked = Readonly<z.output<typeof searchQuery>>
export type Found = Readonly<z.output<typeof searchSchema>>
export type Letter = Readonly<z.output<typeof letterSchema>>
export type Letters = Readonly<z.output<typeof lettersSchema>>
export type Health = Readonly<z.output<typeof healthSchema>>
export type Session = Readonly<z.output<typeof sessionSchema>>
