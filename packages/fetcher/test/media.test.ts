import { describe, expect, test } from 'vitest'
import { bodyUse, isPage, looksLikeHtml } from '../src/media.ts'

const bytes = (text: string) => Buffer.from(text, 'latin1')

describe('A body', () => {
  test.each([
    'text/html',
    'Text/HTML; charset=x',
    'application/xhtml+xml',
    'text/plain',
    'text/css',
    'application/xml',
    'application/rss+xml',
    'application/atom+xml;charset=utf-8',
    'application/json',
    'application/ld+json',
    'text/xml',
    null,
  ])('%s is read', (type) => expect(bodyUse(200, type)).toBe('keep'))
  test.each([
    'image/png',
    'image/svg+xml',
    'video/mp4',
    'application/pdf',
    'application/zip',
    'application/octet-stream',
    'font/woff2',
    '',
  ])('%s is not', (type) => expect(bodyUse(200, type)).toBe('discard'))
  test('of a redirect, a server error or a 429 is not, of other client errors it is', () => {
    for (const status of [301, 304, 429, 500, 503]) expect(bodyUse(status, 'text/html'), String(status)).toBe('discard')
    for (const status of [200, 203, 403, 404, 410]) expect(bodyUse(status, 'text/html'), String(status)).toBe('keep')
  })
})

describe('A page', () => {
  test('is a 2xx with HTML', () => {
    expect(isPage(200, 'text/html', bytes(''))).toBe(true)
    expect(isPage(404, 'text/html', bytes('<p>'))).toBe(false)
    expect(isPage(200, 'text/plain', bytes('<html>'))).toBe(false)
  })
  test.each(['<!DOCTYPE html>', ' \n<HTML>', '\xEF\xBB\xBF<head >', '<!-- x', '<p>', '<a href>', '<BR>'])(
    'without a type it looks like one: %s',
    (text) => expect(isPage(200, null, bytes(text))).toBe(true),
  )
  // Source: WHATWG MIME Sniffing, 7.1: a tag name is followed by a space or '>'.
  test.each(['', 'text', '<pre>', '<?xml version="1.0"?>', '<htmlx>', '%PDF-', '<b', 'x<html>'])('or does not: %s', (text) =>
    expect(looksLikeHtml(bytes(text))).toBe(false),
  )
})
