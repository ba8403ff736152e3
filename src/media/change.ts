/** Blocks along a side that a picture is looked at in: noise averages out in them, and a person far off still fills one. */
const BLOCKS = 32
/** Seconds whose average a picture is compared with: what moves slowly shows, and the light of the day does not. */
const MEMORY = 3
const MOST_FRAMES = 30

/**
 * At the end of a chain of filters: what goes on is not touched, and ffmpeg prints how much each picture differs from the
 * average of those just before it, as its `signalstats` count it: the brightness of blocks, the highest difference and the
 * mean one.
 */
export function changeFilter(fps: number): string {
  const frames = Math.min(MOST_FRAMES, Math.max(2, Math.round(MEMORY * fps)))
  return [
    `split[shown][looked];[looked]scale=${BLOCKS}:${BLOCKS}:flags=area,format=gray,split[now][before]`,
    `[before]tmix=frames=${frames}[mean];[now][mean]blend=all_mode=difference,signalstats,` +
      'metadata=mode=print:key=lavfi.signalstats.YAVG,metadata=mode=print:key=lavfi.signalstats.YMAX,nullsink',
    '[shown]null',
  ].join(';')
}

const PRINTED =
  /^\[Parsed_metadata_\d+ @ 0x[0-9a-f]+\] (?:lavfi\.signalstats\.(YAVG|YMAX)=(\d+(?:\.\d+)?)|frame:)/

/** Reads what `changeFilter` has ffmpeg print. */
export class ChangeReader {
  #mean = 0

  /**
   * How much a picture changed, 0..255, once its last line has come: the most that a block did beyond what all of them did,
   * so that a light that is turned up slowly is no change. `pending` for a line that belongs to it, undefined for any other.
   */
  read(line: string): number | 'pending' | undefined {
    const found = PRINTED.exec(line)
    if (found === null) return undefined
    const [, name, value] = found
    if (name === 'YAVG') this.#mean = Number(value)
    return name === 'YMAX' ? Math.max(0, Number(value) - this.#mean) : 'pending'
  }
}
