/** One thing that the doctor looked at: what it is, and what to do where it is not there. */
export interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly hint?: string
}
