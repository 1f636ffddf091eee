import { isHtml, sniffEncoding } from '@warren/web'
import { describe, expect, test } from 'vitest'

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))

describe('sniffEncoding, HTML Standard 13.2.3.2', () => {
  test.each([
    ['1. a byte order mark goes before everything', '\xEF\xBB\xBF<meta charset=koi8-r>', 'text/html; charset=iso-8859-2', 'UTF-8'],
    ['1. UTF-16, little endian', '\xFF\xFEa\0', 'text/html; charset=utf-8', 'UTF-16LE'],
    ['1. UTF-16, big endian', '\xFE\xFF\0a', null, 'UTF-16BE'],
    ['4. then the header', '<meta charset=koi8-r>', 'text/html; charset=ISO-8859-2', 'ISO-8859-2'],
    ['4. a quoted parameter', '', 'text/html; x=y; charset="shift_jis"', 'Shift_JIS'],
    ['4. labels are names of the Encoding Standard', '', 'text/html;charset=latin1', 'windows-1252'],
    ['4. an unknown label is none', '<meta charset=koi8-r>', 'text/html; charset=klingon', 'KOI8-R'],
    ['5. then the prescan of meta', '<!-- <meta charset=big5> --><meta charset="EUC-JP">', 'text/html', 'EUC-JP'],
    ['5. meta http-equiv', '<meta http-equiv=Content-Type content="text/html; charset=gb2312">', null, 'GBK'],
    ['5. UTF-16 in a meta is UTF-8', '<meta charset=utf-16>', null, 'UTF-8'],
    ['5. only in the first 1 024 bytes', `${' '.repeat(1_024)}<meta charset=koi8-r>`, null, 'windows-1252'],
    ['9. else windows-1252', '<p>', null, 'windows-1252'],
    ['9. nothing at all', '', '', 'windows-1252'],
    ['XHTML: UTF-8 without a word', '<html>', 'application/xhtml+xml', 'UTF-8'],
    ['XHTML: the XML declaration', '<?xml version="1.0" encoding="iso-8859-2"?>', 'application/xhtml+xml', 'ISO-8859-2'],
    ['XHTML: no meta prescan', '<meta charset=koi8-r>', 'application/xhtml+xml', 'UTF-8'],
  ])('%s', (_, body, contentType, expected) => {
    expect(sniffEncoding(ascii(body), contentType)).toBe(expected)
  })
})

describe('isHtml', () => {
  test.each([
    ['text/html', true],
    ['Text/HTML ; charset=x', true],
    ['application/xhtml+xml;q', true],
    ['text/plain', false],
    ['text/htmlx', false],
    ['application/xml', false],
    ['text/html, text/html', false],
    ['', false],
    [null, false],
  ])('%j: %s', (contentType, expected) => {
    expect(isHtml(contentType)).toBe(expected)
  })
})
