import { type Dispatcher, ProxyAgent } from 'undici'

type Environment = Readonly<Record<string, string | undefined>>

/** The proxy that the environment names for an address, as curl reads it: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, in either case. */
export function proxyFor({ protocol, hostname, port }: URL, env: Environment): string | undefined {
  const read = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined
  const proxy = protocol === 'https:' ? read('HTTPS_PROXY') : read('HTTP_PROXY')
  const exempt = (read('NO_PROXY') ?? '').split(/[\s,]+/).some((entry) => {
    const [host = '', only] = entry.replace(/^\*?\./, '').split(':')
    const applies = host === '*' || (host !== '' && (hostname === host || hostname.endsWith(`.${host}`)))
    return applies && (only === undefined || only === port)
  })
  return exempt ? undefined : proxy
}

/** One connection pool for each proxy. */
export class Proxies {
  readonly #env: Environment
  readonly #agents = new Map<string, ProxyAgent>()

  constructor(env: Environment) {
    this.#env = env
  }

  /** What to hand to `fetch`; undefined: no proxy. */
  for(url: URL): Dispatcher | undefined {
    const proxy = proxyFor(url, this.#env)
    if (proxy === undefined) return undefined
    const agent = this.#agents.get(proxy) ?? new ProxyAgent(proxy.includes('://') ? proxy : `http://${proxy}`)
    this.#agents.set(proxy, agent)
    return agent
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
  }
}
