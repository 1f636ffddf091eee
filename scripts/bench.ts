import '../bench/crawl.ts'
