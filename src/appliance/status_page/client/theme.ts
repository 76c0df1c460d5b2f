/** Light or dark: as the system has it, or as it was chosen here, which is remembered. */

const STORAGE_KEY = "rnbd-appliance-theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = typeof THEMES[number];

const asTheme = (text: string | null): Theme => THEMES.find((theme) => theme === text) ?? "auto";

/** Browsers that keep nothing for this page throw. */
function remembered(): Theme {
  try {
    return asTheme(localStorage.getItem(STORAGE_KEY));
  } catch {
    return "auto";
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // It holds until the page is closed.
  }
}

function apply(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

/** For the head of the page: before anything is drawn. */
export function applyRememberedTheme(): void {
  apply(remembered());
}

/** Makes `select` the switch. */
export function connectThemeSwitch(select: HTMLSelectElement): void {
  select.value = remembered();
  select.addEventListener("change", () => {
    const theme = asTheme(select.value);
    apply(theme);
    remember(theme);
  });
}
