/** Whether node-av's native part loads here, and which libav it brings. Never throws. */
export async function probeNodeAv(): Promise<{ readonly version?: string; readonly error: string }> {
  try {
    await import('node-av/lib')
    const { ffmpegVersion } = await import('node-av/ffmpeg')
    return { version: ffmpegVersion(), error: '' }
  } catch (thrown) {
    return { error: thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown) }
  }
}
