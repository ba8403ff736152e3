/** What came of a door's mutants. */
export interface DoorReport {
  readonly door: string
  readonly mutants: number
  /** Mutants that were good enough, refused with a code, and that cost a decoder process, but no more. */
  readonly taken: number
  readonly refused: number
  readonly contained: number
  /** Errors that have no code of the catalogue: nobody thought of them. */
  readonly unnamed: number
  /** Processes that died. */
  readonly crashes: number
  readonly hangs: number
  /** Of one process, with those it started. */
  readonly worstMiB: number
  /** More than that is a blow-up. */
  readonly mostMiB: number
  /** Good inputs between the mutants that did not give their right results. */
  readonly neighboursLost: number
  /** What was found, with what it takes to see it again. */
  readonly findings: readonly string[]
}

type Count = 'taken' | 'refused' | 'contained' | 'unnamed' | 'crashes' | 'hangs' | 'neighboursLost'

/** What a door counts as it goes. */
export type Counts = { -readonly [Key in Count]: DoorReport[Key] }

export const noCounts = (): Counts => ({
  ...{ taken: 0, refused: 0, contained: 0 },
  ...{ unnamed: 0, crashes: 0, hangs: 0, neighboursLost: 0 },
})

export interface DoorRun {
  readonly mutants: number
  readonly seed: number
  readonly say: (line: string) => void
  /** A fault that is planted in the process under test, so that the harness must find it. */
  readonly planted?: PlantedFault
  /** Mutants that something was wrong with are kept there. */
  readonly keep?: string
  /** Address of a schema registry; default: one of the door's own. */
  readonly registry?: string
}

export type PlantedFault = 'crash' | 'hang' | 'memory' | 'unnamed' | 'neighbour'

export interface Door {
  readonly name: string
  /** Mutants where none are asked for: of a whole run, and of the short one in the suite. */
  readonly standard: number
  readonly short: number
  run(run: DoorRun): Promise<DoorReport>
}

export const isClean = ({
  unnamed,
  crashes,
  hangs,
  worstMiB,
  mostMiB,
  neighboursLost,
}: DoorReport): boolean => unnamed + crashes + hangs + neighboursLost === 0 && worstMiB <= mostMiB
