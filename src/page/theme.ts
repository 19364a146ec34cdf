/** Light, dark, or as the system says. */
type Theme = 'automatic' | 'light' | 'dark';

const themes: readonly Theme[] = ['automatic', 'light', 'dark'];
const key = 'routemesh.theme';

export function followTheme(target: HTMLElement): void {
  let theme = remembered();
  const show = (): void => {
    if (theme === 'automatic') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    target.dataset.theme = theme;
    target.setAttribute('aria-label', `Colours: ${theme}`);
    target.title = `Colours: ${theme}`;
  };
  target.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'automatic';
    remember(theme);
    show();
  });
  show();
}

/** A browser that keeps nothing goes on without. */
function remembered(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? 'automatic';
  } catch {
    return 'automatic';
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    return;
  }
}
