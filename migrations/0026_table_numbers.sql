-- Why: command lines and YAML often tell numbers as texts ("1e-4"), which should sort, plot and compare as numbers; and tables of tens
-- of thousands of experiments are sorted by name and asked for what runs.
--
-- A text is also a number where it is one in JSON's own grammar. "4.10" stays a text alone: it is more likely a version, and would read
-- as another one.
drop trigger profiles_values;
drop trigger profiles_values_changed;

create trigger profiles_values after insert on profiles begin
    insert into value_columns (project_id, kind, name)
    select rows.project_id, 'config', entry.key from json_each(new.config) as entry
        join experiment_rows as rows on rows.experiment_id = new.experiment_id where true
    on conflict do nothing;
    insert into experiment_values (row_id, column_id, number, text, standing)
    select rows.row_id, named.column_id,
        case when entry.type in ('integer', 'real') then entry.value
            when entry.type = 'text' and json_valid(entry.value) and (entry.value not glob '*.*0' or entry.value glob '*[eE]*') then
                case when json_type(entry.value) in ('integer', 'real') then cast(entry.value as double precision) end end,
        case when entry.type in ('integer', 'real') then null when entry.type in ('true', 'false', 'null') then entry.type
            when entry.type = 'text' and json_valid(entry.value) and (entry.value not glob '*.*0' or entry.value glob '*[eE]*') then
                case when json_type(entry.value) not in ('integer', 'real') then entry.value end else entry.value end,
        0
    from experiment_rows as rows join json_each(new.config) as entry
        join value_columns as named on named.project_id = rows.project_id and named.name = entry.key and named.kind = 'config'
    where rows.experiment_id = new.experiment_id
    on conflict (row_id, column_id) do update set number = excluded.number, text = excluded.text;
end;

create trigger profiles_values_changed after update of config on profiles when new.config <> old.config begin
    delete from experiment_values where standing = 0
        and row_id = (select row_id from experiment_rows where experiment_id = new.experiment_id);
    insert into value_columns (project_id, kind, name)
    select rows.project_id, 'config', entry.key from json_each(new.config) as entry
        join experiment_rows as rows on rows.experiment_id = new.experiment_id where true
    on conflict do nothing;
    insert into experiment_values (row_id, column_id, number, text, standing)
    select rows.row_id, named.column_id,
        case when entry.type in ('integer', 'real') then entry.value
            when entry.type = 'text' and json_valid(entry.value) and (entry.value not glob '*.*0' or entry.value glob '*[eE]*') then
                case when json_type(entry.value) in ('integer', 'real') then cast(entry.value as double precision) end end,
        case when entry.type in ('integer', 'real') then null when entry.type in ('true', 'false', 'null') then entry.type
            when entry.type = 'text' and json_valid(entry.value) and (entry.value not glob '*.*0' or entry.value glob '*[eE]*') then
                case when json_type(entry.value) not in ('integer', 'real') then entry.value end else entry.value end,
        0
    from experiment_rows as rows join json_each(new.config) as entry
        join value_columns as named on named.project_id = rows.project_id and named.name = entry.key and named.kind = 'config'
    where rows.experiment_id = new.experiment_id
    on conflict (row_id, column_id) do update set number = excluded.number, text = excluded.text;
end;

create index experiment_rows_by_name on experiment_rows (project_id, is_archived, name);
create index experiment_rows_by_state on experiment_rows (project_id, state);

-- Values that are there already are written once more through their trigger.
update profiles set config = config || ' ' where config <> '{}';
