import type { Event, EventKind } from '../../domain.js'
import type { OutgoingRecord } from './client.js'
import { headersOf } from './envelope.js'
import type { EventRecord } from './records.js'
import { topicName } from './topics.js'
import type { Wire } from './wire.js'

/** An event as its topic has it. */
export function eventRecord(event: Event): EventRecord {
  const { rule, label, peak, thumbnail, video, code, detail } = event
  return {
    event_id: event.id,
    episode_id: event.episodeId,
    source: event.source,
    kind: event.kind,
    start: event.start,
    end: event.end,
    rule: rule ?? null,
    label: label ?? null,
    // The schema's float: the same number whichever wire it goes over.
    peak: peak === undefined ? null : Math.fround(peak),
    clip_ids: event.clipIds,
    thumbnail: thumbnail ?? null,
    video: video ?? null,
    code: code ?? null,
    detail: detail ?? null,
  }
}

/** An event out of its topic. */
export function eventOf(record: EventRecord): Event {
  const { rule, label, peak, thumbnail, video, code, detail } = record
  return {
    id: record.event_id,
    episodeId: record.episode_id,
    source: record.source,
    kind: record.kind as EventKind,
    start: record.start,
    end: record.end,
    clipIds: record.clip_ids,
    ...(rule !== null && { rule }),
    ...(label !== null && { label }),
    ...(peak !== null && { peak }),
    ...(thumbnail !== null && { thumbnail }),
    ...(video !== null && { video }),
    ...(code !== null && { code }),
    ...(detail !== null && { detail }),
  }
}

/** An event as a record of the topic `events`, keyed by source. `by`: the command and its group, as `consume/g`. */
export async function eventMessage(
  event: Event,
  { wire, prefix, by }: { readonly wire: Wire; readonly prefix: string; readonly by: string },
): Promise<OutgoingRecord> {
  return {
    topic: topicName(prefix, 'events'),
    key: event.source,
    value: await wire.encode('event', eventRecord(event)),
    headers: headersOf({
      ...{ id: event.id, source: `stanflow/${by}`, type: 'stanflow.event.v1' },
      ...{ contentType: wire.contentType, time: new Date() },
    }),
  }
}
