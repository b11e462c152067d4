// One line for each test, the failures, and the line of counts that cargo prints.
export default async function* report(source) {
  const counts = { passed: 0, failed: 0, ignored: 0 };
  for await (const { type, data } of source) {
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') {
      // What went wrong before the tests of a group could begin.
      if (data.details.error?.failureType === 'hookFailed') yield `${data.name}: ${data.details.error.cause?.stack ?? data.details.error}\n`;
      continue;
    }
    const outcome = data.skip !== undefined || data.todo !== undefined ? 'ignored' : type === 'test:pass' ? 'passed' : 'failed';
    counts[outcome] += 1;
    yield `test ${data.name} ... ${outcome === 'passed' ? 'ok' : outcome === 'failed' ? 'FAILED' : 'ignored'}\n`;
    if (outcome === 'failed') yield `${data.details.error?.cause?.stack ?? data.details.error?.stack ?? data.details.error}\n`;
  }
  yield `test result: ${counts.failed ? 'FAILED' : 'ok'}. ${counts.passed} passed; ${counts.failed} failed; ${counts.ignored} ignored\n`;
}
