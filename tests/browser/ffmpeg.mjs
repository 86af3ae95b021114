// ffmpeg and ffprobe as judges of files.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Decodes all of a file: what ffmpeg complains of, the frames that ffprobe counts, the codec and the length in seconds. */
export async function judge(file) {
  const [{ stdout, stderr }, { stderr: complaints }] = await Promise.all([
    run('ffprobe', [
      ...['-v', 'error', '-count_frames', '-of', 'json'],
      ...['-show_entries', 'stream=codec_name,nb_read_frames,duration,width,height', file],
    ]),
    // With the file's own times: by default it rounds them to a frame rate that it guesses, where two may meet.
    run('ffmpeg', ['-v', 'error', '-i', file, '-vsync', 'passthrough', '-enc_time_base', '-1', '-f', 'null', '-']),
  ]);
  const [stream] = JSON.parse(stdout).streams;
  return {
    complaints: stderr + complaints,
    codec: stream.codec_name,
    frames: Number(stream.nb_read_frames),
    seconds: Number(stream.duration),
    size: stream.width ? `${stream.width}x${stream.height}` : null,
  };
}

/** The sizes that the pictures of a file have, each once. */
export async function sizes(file) {
  const entries = ['-select_streams', 'v', '-show_entries', 'frame=width,height', '-of', 'json'];
  const { stdout } = await run('ffprobe', ['-v', 'error', ...entries, file], { maxBuffer: 64 << 20 });
  return [...new Set(JSON.parse(stdout).frames.map(({ width, height }) => `${width}x${height}`))];
}
