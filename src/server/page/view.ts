/** A part of the page that takes the whole of it. */
export interface View {
  readonly title: string
  readonly element: HTMLElement
  /** Shown, with what the address says beside its name. */
  enter(query: URLSearchParams): void
  /** Once a second while it is shown. */
  tick?(): void
  leave?(): void
}
