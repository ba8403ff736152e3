import { StanflowError } from '../../errors.js'
import { patience, persist } from '../../persist.js'

const TIMEOUT_MS = 15_000
/** What an answer may take once all is to end. */
const ENDING_MS = 2000
const TRIES = 4
const PAUSES = { first: 200, most: 1600 }

/** A schema registry that speaks Confluent's protocol. */
export class Registry {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #ending: AbortSignal

  /** `url` may carry user and password. `ending`: aborted when all is to end, and nobody waits for long any more. */
  constructor(url: string, ending: AbortSignal = new AbortController().signal) {
    this.#ending = ending
    let parsed: URL
    try {
      parsed = new URL(url)
    } catch (cause) {
      throw new StanflowError('CONFIG_INVALID', '--registry is no URL.', {
        hint: 'Write http://HOST:8081.',
        cause,
      })
    }
    const { username, password } = parsed
    const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    parsed.username = ''
    parsed.password = ''
    this.#url = parsed.href.replace(/\/+$/, '')
    this.#headers = {
      'content-type': 'application/vnd.schemaregistry.v1+json',
      accept: 'application/vnd.schemaregistry.v1+json, application/json',
      ...(username !== '' && { authorization: `Basic ${Buffer.from(secret).toString('base64')}` }),
    }
  }

  /** The id of a schema under a subject, which is made where it is new. @throws StanflowError KAFKA_SCHEMA */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const { id } = (await this.#call('POST', path, { schema })) as { id: number }
    return id
  }

  async schema(id: number): Promise<string> {
    const { schema } = (await this.#call('GET', `/schemas/ids/${id}`)) as { schema: string }
    return schema
  }

  /** Names of all subjects. */
  async subjects(): Promise<readonly string[]> {
    return (await this.#call('GET', '/subjects')) as readonly string[]
  }

  /** New versions of a subject must be able to read what older ones wrote. */
  async requireBackward(subject: string): Promise<void> {
    await this.#call('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: 'BACKWARD' })
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const again = patience({
      ...{ passing: ['KAFKA_REGISTRY'], signal: this.#ending, enough: (tries) => tries + 1 >= TRIES },
      ...PAUSES,
    })
    return persist(() => this.#once(method, path, body), again)
  }

  async #once(method: string, path: string, body?: object): Promise<unknown> {
    const what = `The schema registry at ${this.#url}`
    let response: Response
    let text: string
    const { signal, clear } = answerTime(this.#ending)
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: this.#headers,
        signal,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      text = await response.text()
    } catch (cause) {
      throw new StanflowError('KAFKA_REGISTRY', `${what} cannot be reached.`, { cause })
    } finally {
      clear()
    }
    if (response.ok) return answerOf(text) ?? nowhere(`${what} answers ${path} with no JSON.`)
    const said = `${response.status}${text === '' ? '' : `, ${text.replaceAll(/\s+/g, ' ').slice(0, 300)}`}`
    if (response.status === 401 || response.status === 403) {
      throw new StanflowError('KAFKA_AUTH', `${what} refuses access (${said}).`, {
        hint: 'Write user and password into --registry: https://USER:PASSWORD@HOST.',
      })
    }
    // A registry says what it does not have with a code of its own; another server knows nothing of the path.
    if (response.status === 404 && !isMissing(answerOf(text))) nowhere(`${what} has no ${path} (${said}).`)
    const isSchema = response.status === 409 || response.status === 422 || response.status === 404
    throw new StanflowError(
      isSchema ? 'KAFKA_SCHEMA' : 'KAFKA_REGISTRY',
      `${what} says no to ${path} (${said}).`,
      {
        ...(response.status === 409 && {
          hint: 'Readers of the topic could not read the new schema; change it compatibly, or take another --prefix.',
        }),
      },
    )
  }
}

/** Aborted when an answer takes too long: sooner, once all is to end. */
function answerTime(ending: AbortSignal): { readonly signal: AbortSignal; readonly clear: () => void } {
  const late = new AbortController()
  let timer = setTimeout(() => late.abort(), TIMEOUT_MS)
  const hurry = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => late.abort(), ENDING_MS)
  }
  if (ending.aborted) hurry()
  else ending.addEventListener('abort', hurry, { once: true })
  const clear = (): void => {
    clearTimeout(timer)
    ending.removeEventListener('abort', hurry)
  }
  return { signal: late.signal, clear }
}

function answerOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** 40401, 40402, 40403: subject, version or schema that there is not. */
function isMissing(answer: unknown): boolean {
  const { error_code } = (answer ?? {}) as { error_code?: unknown }
  return typeof error_code === 'number' && error_code >= 40400 && error_code < 40500
}

function nowhere(sentence: string): never {
  throw new StanflowError('KAFKA_NO_REGISTRY', sentence, {
    hint: 'No schema registry answers there: check the host and the path of --registry.',
  })
}
