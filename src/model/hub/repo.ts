import { StanflowError } from '../../errors.js'

/** A model on a hub, perhaps at one revision. */
export interface Repo {
  /** `owner/name` */
  readonly id: string
  /** Branch, tag or commit; undefined: `main`. */
  readonly revision: string | undefined
}

const PART = '[A-Za-z0-9][A-Za-z0-9._-]*'
const REPO = new RegExp(`^(${PART}/${PART})(?:@([A-Za-z0-9][A-Za-z0-9._/-]*))?$`)

/** Reads `owner/name` or `owner/name@revision`; undefined for anything else, such as a path. */
export function parseRepo(text: string): Repo | undefined {
  const [, id, revision] = REPO.exec(text) ?? []
  return id === undefined || text.includes('..') || text.includes('--') ? undefined : { id, revision }
}

/** The same, where it must be one. @throws StanflowError USAGE_INVALID */
export function requireRepo(text: string, revision: string | undefined): Repo {
  const repo = parseRepo(revision === undefined ? text : `${text.split('@')[0]}@${revision}`)
  if (repo !== undefined) return repo
  throw new StanflowError('USAGE_INVALID', `${text} names no model on a hub`, {
    hint: 'Write owner/name, such as openai/clip-vit-base-patch32, or owner/name@revision.',
  })
}

export const isCommit = (revision: string | undefined): revision is string =>
  revision !== undefined && /^[0-9a-f]{40}$/.test(revision)

/** `owner/name@revision`, as people write it. */
export const repoName = ({ id, revision }: Repo): string =>
  revision === undefined ? id : `${id}@${revision}`
