/** Whether the API wants a sign-in. The token itself never stays here: the server sets a cookie. */
import { ApiFailure, ask, client, whenUnauthorised } from '../api/client';

const KEY = 'groundswell.signed-in';

class Session {
  required = $state(false);
  /** True in browsers that signed in: only they are offered to sign out. */
  signedIn = $state(remembered());

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
