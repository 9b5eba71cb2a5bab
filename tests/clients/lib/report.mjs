// What a program prints: one JSON object a step on stdout, never a secret.

/** Thrown after a failed step has been printed: there is nothing left to say. */
export class Stopped extends Error {}

/** The program was called wrongly: the message alone says how. */
export class Usage extends Error {}

export class Report {
  #secrets = new Set();

  /** Marks a value that must never be printed, nor come back in anything that would be printed. */
  secret(value) {
    if (typeof value === 'string' && value.length >= 6) this.#secrets.add(value);
  }

  /**
   * Runs one step and prints it: what `run` returns are its details, what it throws is its failure.
   * Returns what `run` returned.
   */
  async step(name, run) {
    let details;
    try {
      details = (await run()) ?? {};
    } catch (error) {
      this.#print({ step: name, ok: false, error: describe(error) });
      throw new Stopped();
    }
    this.#print({ step: name, ok: true, ...details });
    return details;
  }

  #print(line) {
    const text = JSON.stringify(line);
    const leaked = [...this.#secrets].some((secret) => text.includes(secret));
    if (leaked) {
      const error = 'a token, code or password turned up in what this step would print';
      process.stdout.write(`${JSON.stringify({ step: line.step, ok: false, error })}\n`);
      throw new Stopped();
    }
    process.stdout.write(`${text}\n`);
  }
}

/** Fails the step with this message unless the condition holds. */
export function must(condition, message) {
  if (!condition) throw new Error(message);
}

/** Runs a program to its exit code: 0 if every step was fine, 1 if not, 2 if it was called wrongly. */
export async function main(program, seconds = 90) {
  const limit = setTimeout(() => {
    process.stdout.write(`${JSON.stringify({ step: 'time limit', ok: false, error: `not done after ${seconds} s` })}\n`);
    process.exit(1);
  }, seconds * 1000);
  let code = 0;
  try {
    await program();
  } catch (error) {
    code = error instanceof Usage ? 2 : 1;
    if (error instanceof Usage) process.stderr.write(`${error.message}\n`);
    else if (!(error instanceof Stopped)) process.stderr.write(`${error.stack ?? error}\n`);
  }
  clearTimeout(limit);
  process.exit(code);
}

function describe(error) {
  const name = error?.constructor?.name ?? 'Error';
  const { cause: why } = error ?? {};
  const cause = why ? ` (${why.message ?? why.error_description ?? why.error ?? why})` : '';
  return `${name}: ${error?.message ?? error}${cause}`.slice(0, 1000);
}
