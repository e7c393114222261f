/** Whether the API wants a sign-in. The token itself never stays here: the server sets a cookie. */
import { ask, client, whenUnauthorised } from '../api/client';

class Session {
  required = $state(false);

  async signIn(token: string): Promise<void> {
    await ask(client.POST('/api/v1/session', { body: { token } }));
    this.required = false;
  }

  async signOut(): Promise<void> {
    await ask(client.DELETE('/api/v1/session'));
    this.required = true;
  }
}

export const session = new Session();
whenUnauthorised(() => (session.required = true));
