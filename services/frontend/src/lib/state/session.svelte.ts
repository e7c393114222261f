/** Whether the API wants a sign-in. The token itself never stays here: the server sets a cookie. */
import type { SignInWays } from '../api/types';
import { ApiFailure, ask, client, whenUnauthorised } from '../api/client';

const KEY = 'groundswell.signed-in';

class Session {
  required = $state(false);
  /** True in browsers that signed in: only they are offered to sign out. */
  signedIn = $state(remembered());

  /** How one signs in here; null when the server does not say. */
  async ways(): Promise<SignInWays | null> {
    return ask(client.GET('/api/v1/sign-in')).catch((error: unknown) => {
      onlyFailures(error);
      return null;
    });
  }

  /** The browser goes to the identity provider, and comes back as another page. */
  leave(): void {
    this.remember(true);
  }

  async signIn(token: string): Promise<void> {
    await ask(client.POST('/api/v1/session', { body: { token } }));
    this.remember(true);
    this.required = false;
  }

  async signOut(): Promise<void> {
    await ask(client.DELETE('/api/v1/session')).catch(onlyFailures);
    this.remember(false);
    this.required = true;
  }

  private remember(signedIn: boolean): void {
    this.signedIn = signedIn;
    try {
      if (signedIn) localStorage.setItem(KEY, '1');
      else localStorage.removeItem(KEY);
    } catch {
      // Storage may be blocked: the offer to sign out is then gone after a reload.
    }
  }
}

/** A session that cannot be ended at the server, because it is gone, is left all the same. */
function onlyFailures(error: unknown): void {
  if (!(error instanceof ApiFailure)) throw error;
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

export const session = new Session();
whenUnauthorised(() => (session.required = true));
