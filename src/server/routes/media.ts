import { basename, dirname, extname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import { Gate, Recent } from '../limits.js'
import { keyOf, type Named } from '../media.js'
import {
  type Footage,
  footageQuery,
  footageSchema,
  mediaQuery,
  pictureQuery,
  previewQuery,
} from '../schemas.js'
import { described } from './json.js'

const PICTURES_KEPT = 500
/** Seconds that a preview spans at most. */
const LONGEST_PREVIEW = 30
const PATIENCE_MS = 30_000
const PICTURE = /\.(jpe?g|png)$/i

const TYPES: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.m4v': 'video/mp4',
  '.mov': 'video/quicktime',
  '.webm': 'video/webm',
  '.mkv': 'video/x-matroska',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
}

/** Video by ranges, short clips that every browser plays, and pictures. */
export function addMediaRoutes(app: FastifyInstance, { media, footages, pictures, read }: Context): void {
  const decoding = new Gate(2, 200)
  const recent = new Recent<Uint8Array>(PICTURES_KEPT)

  app.get(
    '/api/media',
    {
      schema: described({
        summary: 'A stored video as it is, by ranges; 422 where it lies in a bucket',
        query: mediaQuery,
        media: 'video/mp4',
      }),
    },
    async ({ query }, reply) => {
      const { path } = await media.file(oneOf(query as Named))
      if (path.startsWith('s3://')) {
        throw new StanflowError('MEDIA_UNSUPPORTED', 'A video in a bucket is shown by previews.', {
          hint: 'Ask /api/preview for the moment.',
        })
      }
      reply.type(TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream')
      return reply.sendFile(basename(path), dirname(path), {
        ...{ dotfiles: 'allow', index: false, contentType: false, cacheControl: false },
      })
    },
  )

  app.get(
    '/api/picture',
    {
      schema: described({
        summary:
          "A picture of a source at a time, of an episode, or of an episode's video at a time of its own",
        query: pictureQuery,
        media: 'image/jpeg',
      }),
    },
    async ({ query }, reply) => {
      const { time: asked, ...named } = query as z.output<typeof pictureQuery>
      const isThumbnail = named.episode !== undefined && asked === undefined
      const file = await media.file(oneOf(named), isThumbnail ? 'thumbnail' : 'video')
      const time = asked ?? 0
      if (PICTURE.test(file.path)) {
        reply.type(TYPES[extname(file.path).toLowerCase()] ?? 'image/jpeg')
        if (file.path.startsWith('s3://')) return reply.send(Buffer.from(await read(file.path)))
        return reply.sendFile(basename(file.path), dirname(file.path), { contentType: false })
      }
      const jpeg = await recent.get(keyOf(file.path, time), () =>
        decoding.run(() =>
          media.read(file, (opened) => pictures.picture(opened, time, AbortSignal.timeout(PATIENCE_MS))),
        ),
      )
      return reply.type('image/jpeg').header('cache-control', 'private, max-age=3600').send(Buffer.from(jpeg))
    },
  )

  app.get(
    '/api/footage',
    {
      schema: described({
        summary: 'What is kept of a moment at a camera',
        query: footageQuery,
        answer: footageSchema,
      }),
    },
    async ({ query }): Promise<Footage> => footages.of(query as z.output<typeof footageQuery>),
  )

  app.get(
    '/api/preview',
    {
      schema: described({
        summary: `A clip of at most ${LONGEST_PREVIEW} s around a moment, as H.264 in MP4, by ranges`,
        query: previewQuery,
        media: 'video/mp4',
      }),
    },
    async ({ query }, reply) => {
      const { start, end, ...named } = query as z.output<typeof previewQuery>
      if (!(end > start)) throw new StanflowError('SERVER_REQUEST', 'A preview ends after it starts.')
      const file = await media.file(oneOf(named))
      const until = Math.min(end, start + LONGEST_PREVIEW)
      const clip = await media.read(file, (opened) => pictures.preview(opened, start, until))
      reply.type('video/mp4')
      return reply.sendFile(basename(clip), dirname(clip), { contentType: false, cacheControl: false })
    },
  )
}

function oneOf(named: Named): Named {
  if ((named.source === undefined) === (named.episode === undefined)) {
    throw new StanflowError('SERVER_REQUEST', 'Name a source or an episode.')
  }
  return named
}
