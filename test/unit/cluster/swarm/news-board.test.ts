import { afterEach, expect, test } from '@jest/globals';
import { NewsBoard } from '../../../../src/cluster/swarm/news-board.js';
import type { ClusterState } from '../../../../src/cluster/state.js';
import { web } from '../relay/states.js';

const boards: NewsBoard[] = [];
afterEach(() => { for (const board of boards.splice(0)) board.close(); });

function bed(milliseconds?: number) {
  const board = new NewsBoard(milliseconds);
  boards.push(board);
  let changes = 0;
  board.onChange(() => { changes += 1; });
  return { board, changes: () => changes };
}

const words = ({ tasks }: ClusterState): string => tasks.map(({ id, weight, starting }) => `${id}*${weight}${starting === true ? ' starting' : ''}`).join(' ');
/** t1 and t3 are on n1, t2 and t4 on n2; t4 is about to run. */
const state: ClusterState = { ...web(4), tasks: web(4).tasks.map((task) => (task.id === 't4' ? { ...task, weight: 0, starting: true as const } : task)) };

test('without news the state is the very one that Docker told', () => {
  const { board, changes } = bed();
  expect(board.applyTo(state)).toBe(state);
  board.put('n1', { gone: [], running: [] });
  expect(changes()).toBe(0);
});

test('a task of which its node says that it has died gets no connections, before Docker says so', () => {
  const { board, changes } = bed();
  board.put('n1', { gone: ['t3'], running: [] });
  expect(changes()).toBe(1);
  expect(words(board.applyTo(state))).toBe('t1*1 t2*1 t4*0 starting');
});

test('a task of which its node says that it runs gets connections, before Docker says so', () => {
  const { board } = bed();
  board.put('n2', { gone: [], running: ['t4'] });
  expect(words(board.applyTo(state))).toBe('t1*1 t2*1 t3*1 t4*1');
});

test('a node is heard about its own tasks only', () => {
  const { board } = bed();
  board.put('n1', { gone: ['t2'], running: ['t4'] });
  board.put('m1', { gone: ['t1'], running: [] });
  expect(board.applyTo(state)).toBe(state);
});

test('a task that is to stop does not get connections again because it runs', () => {
  const { board } = bed();
  const draining: ClusterState = { ...state, tasks: state.tasks.map((task) => (task.id === 't1' ? { ...task, weight: 0 } : task)) };
  board.put('n1', { gone: [], running: ['t1'] });
  expect(words(board.applyTo(draining))).toBe('t1*0 t2*1 t3*1 t4*0 starting');
});

test('what a node says takes the place of what it said before, and of nobody else’s', () => {
  const { board } = bed();
  board.put('n1', { gone: ['t1', 't3'], running: [] });
  board.put('n2', { gone: ['t2'], running: [] });
  board.put('n1', { gone: ['t1'], running: [] });
  expect(words(board.applyTo(state))).toBe('t3*1 t4*0 starting');
});

test('news that are not repeated are forgotten, so that Docker has the last word', async () => {
  const { board } = bed(20);
  const forgotten = new Promise<void>((resolve) => { board.onChange(() => { if (board.applyTo(state) === state) resolve(); }); });
  board.put('n1', { gone: ['t1'], running: [] });
  const waiting = setInterval(() => undefined, 10);
  await forgotten;
  clearInterval(waiting);
});
