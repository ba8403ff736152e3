import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type Receiver, receiverOf } from '../alerts/receiver.js'
import { StanflowError } from '../errors.js'
import { duration, onOff } from './kinds.js'
import type { Config } from './schema.js'
import { readYamlText } from './yaml.js'

const SECRET_ENV = 'STANFLOW_WEBHOOK_SECRET'
const words = z.array(z.string().min(1)).min(1)

const fileSchema = z.strictObject({
  webhooks: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a name of small letters, digits and -'),
        url: z.string().min(1).optional(),
        'url-env': z.string().min(1).optional(),
        'secret-env': z.string().min(1).default(SECRET_ENV),
        kinds: words.optional(),
        rules: words.optional(),
        sources: words.optional(),
        private: onOff().schema.optional(),
        timeout: duration(300).schema.optional(),
      }),
    )
    .min(1),
})

/**
 * The receivers that the configuration names; reads the file of --alerts, and secrets from the environment only.
 * @throws StanflowError CONFIG_INVALID, WEBHOOK_SECRET, WEBHOOK_ADDRESS
 */
export async function receivers(
  { webhook, alerts, webhookTimeout, webhookPrivate }: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Receiver[]> {
  const given = webhook.map((url) =>
    receiverOf({
      // The URL may hold a key, so a name is made of it that tells nothing.
      name: `webhook-${createHash('sha256').update(url).digest('hex').slice(0, 8)}`,
      ...{ url, secret: env[SECRET_ENV], secretEnv: SECRET_ENV },
      ...{ private: webhookPrivate, timeoutMs: webhookTimeout * 1000 },
    }),
  )
  const read = alerts === undefined ? [] : await readFileOf(alerts)
  const named = read.map(({ url, timeout, 'url-env': urlEnv, 'secret-env': secretEnv, ...one }) => {
    const found = url ?? (urlEnv === undefined ? undefined : env[urlEnv])
    if (found === undefined) {
      const what = urlEnv === undefined ? 'has no url' : `has its url in ${urlEnv}, which is not set`
      throw new StanflowError('CONFIG_INVALID', `${alerts}: the webhook ${one.name} ${what}.`)
    }
    return receiverOf({
      ...{ name: one.name, url: found, secret: env[secretEnv], secretEnv },
      ...{ private: one.private ?? webhookPrivate, timeoutMs: (timeout ?? webhookTimeout) * 1000 },
      ...(one.kinds !== undefined && { kinds: one.kinds }),
      ...(one.rules !== undefined && { rules: one.rules }),
      ...(one.sources !== undefined && { sources: one.sources }),
    })
  })
  return [...given, ...named]
}

async function readFileOf(path: string) {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new StanflowError('CONFIG_INVALID', `The alerts file ${path} cannot be read.`, { cause })
  })
  let plain: unknown
  try {
    plain = readYamlText(text).plain
  } catch (cause) {
    throw new StanflowError('CONFIG_INVALID', `${path} is no valid YAML.`, {
      cause,
      hint: 'See docs/alerts.md.',
    })
  }
  const parsed = fileSchema.safeParse(plain)
  if (parsed.success) return parsed.data.webhooks
  const [issue] = parsed.error.issues
  throw new StanflowError('CONFIG_INVALID', `${path}: ${issue?.path.join('.')}: ${issue?.message}.`, {
    hint: 'See docs/alerts.md for what the file holds.',
  })
}
