import { describe, expect, it } from '@jest/globals';
import { chunks, crowded, virtualServices, withoutJumpsTo } from '../../bench/crowd.js';

const saved = `*nat
:DOCKER-INGRESS - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j MESH-INGRESS
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
-A DOCKER-INGRESS -p tcp -m tcp --dport 128 -j DNAT --to-destination 172.18.0.2:128
-A DOCKER-INGRESS -p tcp -m tcp --dport 12 -j DNAT --to-destination 172.18.0.2:12
-A DOCKER-INGRESS -p udp -m udp --dport 12 -j DNAT --to-destination 172.18.0.2:12
-A DOCKER-INGRESS -j RETURN
COMMIT
*filter
-A DOCKER-INGRESS -p tcp -m state --state RELATED,ESTABLISHED -m tcp --sport 12 -j ACCEPT
COMMIT
*mangle
-A PREROUTING -p tcp -m tcp --dport 12 -j MARK --set-xmark 0x101/0xffffffff
COMMIT
`;

describe("a crowd of ports beside dockerd's", () => {
  const lines = crowded(saved, 12, [20, 21, 30], (port) => 0x7000 + port).split('\n');

  it('puts the port that is measured into their midst, in every table', () => {
    expect(lines.filter((line) => line.includes('-p tcp') && line.includes('DNAT')).map((line) => /--dport (\d+)/.exec(line)?.[1])).toEqual(['128', '20', '21', '12', '30']);
    expect(lines).toContain('-A DOCKER-INGRESS -p tcp -m tcp --dport 30 -j DNAT --to-destination 172.18.0.2:30');
    expect(lines).toContain('-A DOCKER-INGRESS -p tcp -m state --state RELATED,ESTABLISHED -m tcp --sport 21 -j ACCEPT');
  });

  it('gives them marks of their own', () => {
    expect(lines).toContain('-A PREROUTING -p tcp -m tcp --dport 30 -j MARK --set-xmark 0x701e/0xffffffff');
    expect(lines).toContain('-A PREROUTING -p tcp -m tcp --dport 12 -j MARK --set-xmark 0x101/0xffffffff');
  });

  it('leaves all else as it was', () => {
    expect(crowded(saved, 12, [])).toBe(saved);
    expect(lines.filter((line) => !/--[ds]port (20|21|30) /.test(line))).toEqual(saved.split('\n'));
  });

  it("takes our chain out of the way of dockerd's packets", () => {
    expect(withoutJumpsTo('MESH-INGRESS', saved).split('\n')).toEqual(saved.split('\n').filter((line) => !line.includes('MESH')));
  });

  it('makes virtual services as ipvsadm reads them', () => {
    expect(virtualServices([7, 8], '10.0.0.5')).toBe('-A -f 7 -s rr\n-a -f 7 -r 10.0.0.5:0 -m -w 1\n-A -f 8 -s rr\n-a -f 8 -r 10.0.0.5:0 -m -w 1\n');
  });

  it('loses no number in chunks', () => {
    expect(chunks([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(chunks([], 2)).toEqual([]);
  });
});
