/** A real Chromium on this host, with a page of the mesh: what it complains of and whom it asks is written down. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { lab } from './lab.js';

/** No service of the browser's maker: it must ask nobody but the page's server. */
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of the page's console, and what it threw. */
  readonly complaints: string[];
  /** Origins that were asked for anything. */
  readonly origins: ReadonlySet<string>;
}

export async function startBrowser(): Promise<Browser> {
  const executablePath = (await lab(['browser'])).trim();
  return chromium.launch({ executablePath, headless: true, args: flags });
}

/** Opens the page and waits until it has drawn something. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
  page.on('pageerror', ({ message }) => { complaints.push(message); });
  page.on('request', (request) => { origins.add(new URL(request.url()).origin); });
  await page.goto(url);
  await page.locator('.box-clients').waitFor({ state: 'attached' });
  return { page, complaints, origins };
}
