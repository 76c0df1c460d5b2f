/** The status page in a real browser: for every eye and hand, light and dark, wide and narrow. */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { statusPage } from "../../src/appliance/status_page/page.ts";
import { waitFor } from "../support/process.ts";
import { skippable } from "../support/skip.ts";
import { axeViolations, keyboardProblems } from "./accessibility.ts";
import { artefactPath } from "./artefacts.ts";
import { launchBrowser, type PageOptions } from "./browser.ts";
import type { FakeServer } from "./fake_server.ts";
import { assertClean, big, openAll, PATIENCE_MS, withScene } from "./scene.ts";

async function axeFindsNothing(browser: Browser): Promise<void> {
  const views: PageOptions[] = [
    { colorScheme: "light" },
    { colorScheme: "dark" },
    { colorScheme: "light", width: 390, height: 844 },
    { colorScheme: "dark", width: 390, height: 844 },
  ];
  for (const view of views) {
    const scene = big();
    scene.closeMapping(2);
    scene.losePath(3, 1);
    await withScene(browser, scene, view, async (watched, server) => {
      server.tell("warn", "path lost", { sessname: "store-04" });
      await openAll(watched);
      assert.deepEqual(await axeViolations(watched.page), []);
      await watched.page.locator("#attention button").first().click();
      await watched.page.locator(".explanation .summary").waitFor({ timeout: PATIENCE_MS });
      assert.deepEqual(await axeViolations(watched.page, "#details"), []);
      assertClean(watched);
    });
  }
}

async function keyboardOnly(browser: Browser): Promise<void> {
  const scene = big();
  scene.closeMapping(2);
  await withScene(browser, scene, { reducedMotion: true }, async (watched) => {
    const { page } = watched;
    await openAll(watched);
    assert.deepEqual(await keyboardProblems(page), []);
    await page.locator("#attention button").first().focus();
    await page.keyboard.press("Enter");
    await page.locator(".explanation .summary").waitFor({ timeout: PATIENCE_MS });
    assert.equal(await page.evaluate("document.activeElement.closest('dialog') !== null"), true);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "hidden", timeout: PATIENCE_MS });
    const label = "document.activeElement.getAttribute('aria-label')";
    assert.match(await page.evaluate<string>(label), /^Explain: Mapping vm-0003/);
    assert.equal(await page.evaluate("document.getAnimations().length"), 0);
    const scroll = "getComputedStyle(document.documentElement).scrollBehavior";
    assert.equal(await page.evaluate(scroll), "auto");
  });
}

async function themeIsRemembered(browser: Browser): Promise<void> {
  await withScene(browser, big(), { colorScheme: "light" }, async ({ page }) => {
    const ground = () =>
      page.evaluate<string>("getComputedStyle(document.body.parentElement).backgroundColor");
    const light = await ground();
    await page.getByLabel("Theme").selectOption("dark");
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await page.getByLabel("Theme").inputValue(), "dark");
    assert.equal(await ground(), dark);
    await page.getByLabel("Theme").selectOption("auto");
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await ground(), dark);
  });
}

/** The checks above see what they are there to see. */
async function plantedFaults(browser: Browser): Promise<void> {
  const plant = (fault: string, policy?: string) => (server: FakeServer) => {
    const { html, headers } = statusPage();
    const planted = html.replace("</header>", `${fault}</header>`);
    const changed = policy === undefined ? {} : { "content-security-policy": policy };
    server.page = () => ({ html: planted, headers: { ...headers, ...changed } });
  };
  const image = '<img alt="" src="http://192.0.2.1/x.png">';
  await withScene(browser, big(), {}, async (watched) => {
    await waitFor(() => watched.complaints.length > 0, PATIENCE_MS, "the policy to refuse it");
    assert.match(watched.complaints[0]!, /Content Security Policy/);
  }, plant(image));
  await withScene(browser, big(), {}, async (watched) => {
    await waitFor(() => watched.foreignRequests.length > 0, PATIENCE_MS, "the request");
    assert.throws(() => assertClean(watched));
  }, plant(image, "img-src *"));
  await withScene(browser, big(), {}, async (watched) => {
    await openAll(watched);
    const violations = await axeViolations(watched.page);
    assert.match(violations.join("\n"), /^label: #planted/);
  }, plant('<input id="planted">'));
  await withScene(browser, big(), {}, async (watched) => {
    await openAll(watched);
    const problems = (await keyboardProblems(watched.page)).join("\n");
    assert.match(problems, /not reached with Tab: <button id="planted"/);
  }, plant('<button id="planted" tabindex="-1">x</button>'));
}

async function screenshots(browser: Browser): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [name, width, height] of [["wide", 1440, 900], ["narrow", 390, 844]] as const) {
      const scene = big();
      const view = { colorScheme, width, height };
      await withScene(browser, scene, view, async (watched, server) => {
        const { page } = watched;
        await openAll(watched);
        await page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = false)");
        await page.waitForTimeout(2500);
        scene.closeMapping(2);
        scene.losePath(3, 1);
        server.tell("warn", "path lost", { sessname: "store-04" });
        await page.getByText("Mapping vm-0003 is closed").first().waitFor({ timeout: PATIENCE_MS });
        const path = artefactPath(`${colorScheme}-${name}.png`);
        await page.screenshot({ path, fullPage: name === "narrow" });
        assert.ok((await Deno.stat(path)).size > 10_000);
      });
    }
  }
}

skippable("status page for everybody", async (t) => {
  const browser = await launchBrowser();
  try {
    await t.step("axe finds nothing: light, dark, wide, narrow", () => axeFindsNothing(browser));
    await t.step("keyboard alone, without movement", () => keyboardOnly(browser));
    await t.step("the theme is remembered", () => themeIsRemembered(browser));
    await t.step("planted faults are found", () => plantedFaults(browser));
    await t.step("screenshots", () => screenshots(browser));
  } finally {
    await browser.close();
  }
});
