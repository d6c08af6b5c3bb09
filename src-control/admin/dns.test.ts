/** DNS by administrators: what is set goes over the file, is checked, audited, and taken back. */
import { describe, expect, test } from 'vitest';
import { adminLab } from '../testing/admin-lab.ts';

describe('settings', () => {
  test('what is set is what counts, until null gives it back to the file', async () => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'network-admin');
    const set = await lab.call(
      'dns.set',
      {
        magicDns: true,
        nameservers: ['1.1.1.1', { address: '9.9.9.9', useWithExitNode: true }],
        splitDns: { 'Corp.Example': ['10.0.0.53'] },
        searchDomains: ['corp.example'],
      },
      by,
    );
    expect(set).toMatchObject({
      magic_dns: true,
      override_local_dns: true,
      nameservers: [
        { address: '1.1.1.1', use_with_exit_node: false },
        { address: '9.9.9.9', use_with_exit_node: true },
      ],
      split_dns: { 'corp.example': [{ address: '10.0.0.53' }] },
      changed: ['magic_dns', 'nameservers', 'split_dns', 'search_domains'],
    });
    const back = await lab.call('dns.set', { nameservers: null, magicDns: null }, by);
    expect(back).toMatchObject({ magic_dns: false, nameservers: [], search_domains: ['corp.example'] });
    expect(back.changed).toEqual(['split_dns', 'search_domains']);
  });

  test('split DNS can be changed domain by domain', async () => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'admin');
    await lab.call('dns.set', { splitDns: { 'a.example': ['10.0.0.1'], 'b.example': ['10.0.0.2'] } }, by);
    const patch = { 'A.Example.': null, 'c.example': ['10.0.0.3'] };
    expect((await lab.call('dns.set', { splitDnsPatch: patch }, by)).split_dns).toEqual({
      'b.example': [{ address: '10.0.0.2', use_with_exit_node: false }],
      'c.example': [{ address: '10.0.0.3', use_with_exit_node: false }],
    });
  });

  test.each([
    [{ nameservers: ['1.1.1.1', 'tls://x'] }, /^nameservers\.1: "tls:\/\/x"/],
    [{ splitDns: { '*.a.b': ['1.1.1.1'] } }, /^splitDns: "\*\.a\.b"/],
    [{ splitDnsPatch: { 'a.b': ['x'] } }, /^splitDns\.a\.b\.0: "x"/],
    [{ searchDomains: ['a b'] }, /^searchDomains\.0: "a b"/],
    [{ overrideLocalDns: true }, /needs at least one of nameservers/],
    [{ https: true }, /no way to publish challenges/],
    [{ nameserver: [] }, /nameserver/],
  ])('%j is refused with the entry', async (arg, words) => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'admin');
    await expect(lab.call('dns.set', arg as object, by)).rejects.toThrow(words);
    expect(lab.audit.filter(({ target }) => target.type === 'dns')).toEqual([]);
  });

  test('who changed what is in the audit log, and what changes nothing is not', async () => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'admin');
    await lab.call('dns.set', { magicDns: true }, by);
    await lab.call('dns.set', { magicDns: true }, by);
    const entries = lab.audit.filter(({ target }) => target.type === 'dns');
    expect(entries).toMatchObject([
      { action: 'update', actor: { name: by.name }, old: '{}', new: '{"magicDns":true}' },
    ]);
  });

  test('auditors look and change nothing, members do neither', async () => {
    const lab = await adminLab();
    const auditor = await lab.user('aud', 'auditor');
    const member = await lab.user('mem', 'member');
    await expect(lab.call('dns.get', {}, auditor)).resolves.toMatchObject({ base_domain: 'lab.test' });
    await expect(lab.call('dns.set', { magicDns: true }, auditor)).rejects.toThrow(/not allowed/);
    await expect(lab.call('dns.get', {}, member)).rejects.toThrow(/not allowed/);
  });
});

describe('records', () => {
  test('come and go with an entry in the audit log, by number or by what they say', async () => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'admin');
    await lab.node(1);
    const added = await lab.call(
      'dns.records.add',
      { name: 'Wiki.lab.test', type: 'cname', value: 'host-1.lab.test', comment: 'docs' },
      by,
    );
    expect(added).toMatchObject({
      id: 1,
      name: 'wiki.lab.test',
      type: 'CNAME',
      source: 'api',
      comment: 'docs',
    });
    expect(lab.deps.dns.configOf(1).ExtraRecords).toHaveLength(2);
    await lab.call('dns.records.add', { name: 'a.example.org', value: '192.0.2.1' }, by);
    expect(await lab.call('dns.records.list', {}, by)).toHaveLength(2);
    await lab.call('dns.records.remove', { id: 1 }, by);
    await lab.call('dns.records.remove', { name: 'a.example.org', value: '192.0.2.1' }, by);
    expect(await lab.call('dns.records.list', {}, by)).toEqual([]);
    const entries = lab.audit.filter(({ target }) => target.type === 'dns-record');
    expect(entries.map(({ action }) => action)).toEqual(['create', 'create', 'delete', 'delete']);
    expect(entries[0]?.new).toBe('wiki.lab.test CNAME host-1.lab.test');
  });

  test('that contradict others, or are none, are refused', async () => {
    const lab = await adminLab();
    const by = await lab.user('ann', 'admin');
    const one = { name: 'a.example.org', value: '192.0.2.1' };
    await lab.call('dns.records.add', one, by);
    await expect(lab.call('dns.records.add', one, by)).rejects.toThrow(/is there already/);
    await expect(
      lab.call('dns.records.add', { name: 'a.example.org', type: 'CNAME', value: 'b.example.org' }, by),
    ).rejects.toThrow(/must be alone/);
    await expect(lab.call('dns.records.remove', { id: 9 }, by)).rejects.toThrow(/no record 9/);
    await expect(lab.call('dns.records.remove', { ...one, value: '192.0.2.2' }, by)).rejects.toThrow(
      /no record/,
    );
  });
});
