import { z } from 'zod'
import { StanflowError } from '../../errors.js'
import { get, type HubClient, Transient, withRetries } from './http.js'
import { isCommit, type Repo, repoName } from './repo.js'

/** A file of a model, with what it must hash to. */
export interface HubFile {
  readonly name: string
  readonly bytes: number
  /** Large files by sha256, small ones as git counts them. */
  readonly checksum: { readonly kind: 'sha256' | 'git'; readonly hex: string }
}

export interface Listing {
  /** What the revision stands for, 40 hex digits. */
  readonly commit: string
  readonly files: ReadonlyMap<string, HubFile>
}

const Answer = z.object({
  sha: z.string().refine(isCommit, 'is no commit'),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.int().nonnegative().optional(),
      blobId: z
        .string()
        .regex(/^[0-9a-f]{40}$/)
        .optional(),
      lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() }).nullish(),
    }),
  ),
})

/** Asks the hub what a revision stands for and which files it has. @throws StanflowError HUB_* */
export function listFiles(client: HubClient, repo: Repo): Promise<Listing> {
  const url = address(client, `api/models/${repo.id}/revision/${encodeURIComponent(repo.revision ?? 'main')}`)
  url.searchParams.set('blobs', 'true')
  return withRetries(client, repoName(repo), async () => {
    const { response } = await get(client, url, { accept: 'application/json' })
    const text = await response.text().catch((cause: unknown) => {
      throw new Transient('the connection was cut', { cause })
    })
    return parse(text, client.endpoint)
  })
}

export function fileAddress(client: HubClient, repo: Repo, commit: string, name: string): URL {
  const path = name.split('/').map(encodeURIComponent).join('/')
  return address(client, `${repo.id}/resolve/${commit}/${path}`)
}

/** Under the endpoint, which may itself be a path on a server. */
function address({ endpoint }: HubClient, path: string): URL {
  return new URL(path, endpoint.href.endsWith('/') ? endpoint : `${endpoint.href}/`)
}

function parse(text: string, endpoint: URL): Listing {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new StanflowError('HUB_REFUSED', `${endpoint.host} does not answer as a hub`, { cause })
  }
  const parsed = Answer.safeParse(json)
  if (!parsed.success) {
    const why = z.prettifyError(parsed.error).split('\n')[0]
    throw new StanflowError('HUB_REFUSED', `${endpoint.host} does not answer as a hub: ${why}`)
  }
  const files = new Map<string, HubFile>()
  for (const { rfilename: name, size, blobId, lfs } of parsed.data.siblings) {
    if (lfs) files.set(name, { name, bytes: lfs.size, checksum: { kind: 'sha256', hex: lfs.sha256 } })
    else if (size !== undefined && blobId !== undefined)
      files.set(name, { name, bytes: size, checksum: { kind: 'git', hex: blobId } })
  }
  return { commit: parsed.data.sha, files }
}
