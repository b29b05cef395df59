/** Words, each behind its length in four bytes, as header blocks hold them. */
const words =
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow " +
  "authorization cache-control connection content-base content-encoding content-language content-length " +
  "content-location content-md5 content-range content-type date etag expect expires from host if-match " +
  "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma " +
  "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade " +
  "user-agent vary via warning www-authenticate method get status";

const afterStatus = ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"];

/** What follows the words as plain text. */
const text =
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505" +
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized" +
  "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable" +
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT" +
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain," +
  "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

function counted(word: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(word.length);
  return Buffer.concat([length, Buffer.from(word, "latin1")]);
}

/** What both sides' compression of header blocks begins with (SPDY protocol draft 3.1, section 2.6.10.1). */
export const headerDictionary: Buffer = Buffer.concat([
  ...[...words.split(" "), ...afterStatus].map(counted),
  Buffer.from(text, "latin1"),
]);

const adlerBase = 65_521;

/** Adler-32 of the dictionary: how a compressed stream names it (RFC 1950, section 8). */
export function dictionaryId(): number {
  let [low, high] = [1, 0];
  for (const byte of headerDictionary) {
    low = (low + byte) % adlerBase;
    high = (high + low) % adlerBase;
  }
  return ((high << 16) | low) >>> 0;
}
