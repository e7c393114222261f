/** The stand-in's live stream: a ring of messages, resume after an id, beats when it is quiet. */
import { WebSocketServer } from 'ws';
import { iso } from './world.mjs';

const RING = 500;

export class LiveStream {
  constructor(world, server) {
    this.world = world;
    this.ring = [];
    this.next = 1;
    this.refusing = false;
    this.sockets = new WebSocketServer({ noServer: true });
    world.tell = (message) => this.send(message);
    server.on('upgrade', (request, socket, head) => {
      if (this.refusing) socket.destroy();
      else this.sockets.handleUpgrade(request, socket, head, (client) => this.welcome(client, request));
    });
    this.timers = [
      setInterval(() => this.sendPosts(), 1000),
      setInterval(() => this.send({ type: 'topics', topics: world.topics(), as_of: iso(Date.now() - 2000) }), 10_000),
      setInterval(() => world.feeds().forEach((feed) => this.send({ type: 'feed', feed })), 4000),
      setInterval(() => this.send({ type: 'beat', now: iso(Date.now()), live: 'ok', reason: null }), 5000),
    ];
  }

  welcome(client, request) {
    const after = new URL(request.url, 'http://localhost').searchParams.get('after');
    const first = this.ring[0] ? Number(this.ring[0].id) : this.next;
    const resumed = after !== null && Number(after) >= first - 1;
    const hello = { type: 'hello', id: '', resumed, missed: after !== null && !resumed, now: iso(Date.now()) };
    client.send(JSON.stringify(hello));
    if (resumed) this.ring.filter((message) => Number(message.id) > Number(after)).forEach((message) => client.send(JSON.stringify(message)));
  }

  send(message) {
    const numbered = { ...message, id: String(this.next++).padStart(12, '0') };
    this.ring.push(numbered);
    if (this.ring.length > RING) this.ring.shift();
    const text = JSON.stringify(numbered);
    for (const client of this.sockets.clients) client.send(text);
  }

  sendPosts() {
    const count = Math.round(this.world.rate * (0.8 + Math.random() * 0.4));
    const posts = Array.from({ length: count }, () => this.world.makePost(Date.now()));
    this.world.posts = [...posts.toReversed(), ...this.world.posts].slice(0, 500);
    this.send({ type: 'posts', feed: 'jetstream', posts, total: count * 10 });
    if (Math.random() < 0.3) this.send({ type: 'deleted', posts: [posts[0]?.id].filter(Boolean) });
  }

  cut() {
    this.refusing = true;
    for (const client of this.sockets.clients) client.terminate();
  }

  close() {
    this.timers.forEach(clearInterval);
    this.cut();
  }
}
